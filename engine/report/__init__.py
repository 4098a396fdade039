"""What people look at: drawings, figures, tables."""
