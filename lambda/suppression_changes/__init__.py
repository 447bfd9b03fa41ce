"""Tells an EventBridge bus which addresses are suppressed and which are restored."""
