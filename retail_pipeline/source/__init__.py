"""Reading a file of sales: columns, blocks, rules, dependencies. Pure functions that need no server."""
