"""Several machines of one owner as one volunteer: a federation at home whose mean goes on to a larger one."""
