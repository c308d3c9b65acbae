//! The C boundary: an exported function checks, converts, calls one core function and maps the error.
