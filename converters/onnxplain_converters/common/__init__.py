"""What several frameworks' converters share."""
