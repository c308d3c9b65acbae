//! The description of the types of libxl, and its generator.
