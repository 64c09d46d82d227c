"""What the command says and how it ends, where no server is asked."""
