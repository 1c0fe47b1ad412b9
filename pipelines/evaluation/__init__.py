"""How good the answers are: against expert masks, against published grades, against synthetic truth."""
