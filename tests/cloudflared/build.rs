//! Compiles the schema of the edge, with the program `capnp`.

fn main() -> Result<(), capnp::Error> {
    capnpc::CompilerCommand::new()
        .file("registration.capnp")
        .run()
}
