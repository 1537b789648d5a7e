"""What to do on Monday: what changes would bring, what they cost, where to begin, how to try and read a trial."""
