"""PyTorch: modules, ScriptModules, exported programs."""
