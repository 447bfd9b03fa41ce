"""What the folders share; nothing here is public."""
