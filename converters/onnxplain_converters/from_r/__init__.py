"""R's neuralnet objects."""
