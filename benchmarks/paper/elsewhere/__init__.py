"""What runs in another interpreter, as a file in a folder of its own: nothing beside it can be imported by mistake."""
