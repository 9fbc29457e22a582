"""Everything that can be asked, except the models of arithgpt."""
