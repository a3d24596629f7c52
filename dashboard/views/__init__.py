"""The pages: thin viewers that show a state and call its moves."""
