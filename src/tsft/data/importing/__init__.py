"""Bringing in what somebody has: files, folders and archives of rows, in their own shapes and encodings."""
