"""What a run leaves behind: its files, its manifest, and a directory that is replaced as a whole or not at all."""
