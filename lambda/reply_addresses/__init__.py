"""Reply addresses, made and checked for applications."""
