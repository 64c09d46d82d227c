"""Reading a file of sales: columns, blocks, rules. Pure functions that need no server."""
