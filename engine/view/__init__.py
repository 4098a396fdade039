"""`fld view`: a corpus in the browser, from this machine alone."""
