"""`fld report`: one page that holds everything, to be kept, sent and printed."""
