"""The lab's child process: the emulator with a SES that behaves as Amazon's."""
