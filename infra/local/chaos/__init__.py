"""`make chaos`: an embedded system disturbed at random, and a count of what became of each picture."""
