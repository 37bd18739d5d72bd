"""What intake decides, as functions of values: is it acceptable, how urgent, what may be said."""
