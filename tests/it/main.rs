//! Integration tests: one program, a module a subject.

#[cfg(test)]
mod docker_engine;
