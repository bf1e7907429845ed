# How an agent of a Cloudflare tunnel registers a connection with the edge: the part that these
# tests use.
#
# The interface and its numbers are as documented by the public `tunnelrpc` protocol, written from
# that documentation and from memory, and compared with its published schema field by field;
# `cloudflared` 2026.8 registers by it. Only what goes over the wire has to agree: the id of the
# interface, the order of its methods, the numbers and types of fields. The other ids are ours, and
# fields at the end that nothing here reads are left out.

@0xb1f1c35a7d0e9a46;

struct Auth {
  accountTag @0 :Text;
  tunnelSecret @1 :Data;
}

struct Client {
  clientId @0 :Data;
  features @1 :List(Text);
  version @2 :Text;
}

struct Options {
  client @0 :Client;
}

struct Refusal {
  cause @0 :Text;
  retryAfter @1 :Int64;
  shouldRetry @2 :Bool;
}

struct Details {
  uuid @0 :Data;
  locationName @1 :Text;
  tunnelIsRemotelyManaged @2 :Bool;
}

struct Response {
  result :union {
    error @0 :Refusal;
    connectionDetails @1 :Details;
  }
}

interface RegistrationServer @0xf71695ec7fe85497 {
  registerConnection @0 (auth :Auth, tunnelId :Data, connIndex :UInt8, options :Options)
      -> (result :Response);
  unregisterConnection @1 () -> ();
  updateLocalConfiguration @2 (config :Data) -> ();
}
