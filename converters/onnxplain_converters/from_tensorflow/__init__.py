"""TensorFlow: functions, SavedModels, frozen graphs, TFLite."""
