"""The works of tasks in an event loop."""
