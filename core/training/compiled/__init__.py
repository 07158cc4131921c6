"""One block of a model compiled ahead: built in a child that may run a compiler, loaded where nothing may run."""
