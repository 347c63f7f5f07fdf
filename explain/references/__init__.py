"""What `explain verify` compares methods with: the map that a reference library makes, in that library's own way."""
