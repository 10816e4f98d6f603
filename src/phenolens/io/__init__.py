"""Reading and writing, one format a file: path to table or array and back, no science."""
