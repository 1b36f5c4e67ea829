"""What people run: one module behind each command."""
