//! Integration tests: one program, a module a subject.

mod docker_engine;
