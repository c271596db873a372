"""Methods that only call the model: any operators, any predict function. Each is a generator of masks, one per sample."""
