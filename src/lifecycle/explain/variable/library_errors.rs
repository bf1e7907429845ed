//! What libraries say of a value that they were not given.

/// What a library says of a value it was not given, and words of the variables such values come from.
pub const LACKING: &[(&str, &str, &[&str])] = &[
    (
        "parameter to `openUri()` must be a string, got",
        "the address of MongoDB",
        &["MONGO", "DATABASE_UR", "DB_UR", "DB"],
    ),
    (
        "Invalid scheme, expected connection string to start with \"mongodb",
        "the address of MongoDB",
        &["MONGO", "DATABASE_UR", "DB_UR", "DB"],
    ),
    (
        "secretOrPrivateKey must have a value",
        "the secret that tokens are signed with",
        &["JWT", "TOKEN", "SECRET"],
    ),
    (
        "secretOrPublicKey must be provided",
        "the secret that tokens are signed with",
        &["JWT", "TOKEN", "SECRET"],
    ),
    (
        "JwtStrategy requires a secret or key",
        "the secret that tokens are signed with",
        &["JWT", "TOKEN", "SECRET"],
    ),
    (
        "secret option required for sessions",
        "the secret of its sessions",
        &["SESSION", "SECRET"],
    ),
    (
        "The session is unavailable because no secret key was set",
        "the secret of its sessions",
        &["SECRET_KEY", "SECRET"],
    ),
    (
        "in _make_keys_list",
        "the secret that signs its tokens",
        &["SECRET_KEY", "SECRET"],
    ),
    (
        "The SECRET_KEY setting must not be empty",
        "Django's secret key",
        &["SECRET_KEY", "DJANGO_SECRET", "SECRET"],
    ),
    (
        "requires a clientID option",
        "the client's id of a sign-in",
        &["CLIENT_ID", "CLIENTID", "OAUTH"],
    ),
    (
        "Neither apiKey nor config.authenticator provided",
        "the key of Stripe",
        &["STRIPE", "API_KEY"],
    ),
    (
        "supabaseUrl is required",
        "the address of Supabase",
        &["SUPABASE_URL", "SUPABASE"],
    ),
    (
        "supabaseKey is required",
        "the key of Supabase",
        &[
            "SUPABASE_ANON",
            "SUPABASE_KEY",
            "SUPABASE_SERVICE",
            "SUPABASE",
        ],
    ),
    (
        "MissingSecret",
        "the secret of its sign-in",
        &["NEXTAUTH_SECRET", "AUTH_SECRET", "SECRET"],
    ),
    (
        "NO_SECRET",
        "the secret of its sign-in",
        &["NEXTAUTH_SECRET", "AUTH_SECRET", "SECRET"],
    ),
    (
        "Must supply api_key",
        "the key of a service",
        &["API_KEY", "KEY"],
    ),
    (
        "Must supply cloud_name",
        "the name of a cloud",
        &["CLOUD_NAME", "CLOUDINARY"],
    ),
    (
        "API key does not start with",
        "the key of a service",
        &["API_KEY", "KEY"],
    ),
    (
        "accountSid must start with AC",
        "the account of Twilio",
        &["TWILIO_ACCOUNT", "ACCOUNT_SID", "TWILIO"],
    ),
    (
        "username is required",
        "the account of Twilio",
        &["TWILIO_ACCOUNT", "ACCOUNT_SID", "TWILIO"],
    ),
    (
        "Bot Token not provided",
        "the token of a bot",
        &["BOT_TOKEN", "TOKEN"],
    ),
    (
        "Token is invalid! It must be 'str' type, not <class 'NoneType'>",
        "the token of a bot",
        &["BOT_TOKEN", "TOKEN"],
    ),
    (
        "expected token to be a str, received NoneType",
        "the token of a bot",
        &["TOKEN"],
    ),
    (
        "An invalid token was provided",
        "the token of a bot",
        &["TOKEN"],
    ),
    (
        "You must pass the token you received from https://t.me/Botfather",
        "the token of a bot",
        &["BOT_TOKEN", "TOKEN"],
    ),
    (
        "Expected string or URL object, got None",
        "the address of its database",
        &["DATABASE_UR", "DB_UR", "SQLALCHEMY", "DATABASE", "DB"],
    ),
    (
        "Either 'SQLALCHEMY_DATABASE_URI' or 'SQLALCHEMY_BINDS' must be set",
        "the address of its database",
        &["DATABASE_UR", "DB_UR", "SQLALCHEMY", "DATABASE", "DB"],
    ),
    (
        "Could not parse SQLAlchemy URL from",
        "the address of its database",
        &["DATABASE_UR", "DB_UR", "SQLALCHEMY", "DATABASE", "DB"],
    ),
    (
        "Missing publishableKey",
        "the key of Clerk",
        &["CLERK_PUBLISHABLE", "CLERK"],
    ),
    (
        "Missing secretKey",
        "the key of Clerk",
        &["CLERK_SECRET", "CLERK"],
    ),
    (
        "The api_key client option must be set",
        "the key of a service",
        &["API_KEY", "KEY"],
    ),
    (
        "Missing credentials. Please pass an `apiKey`",
        "the key of a service",
        &["API_KEY", "KEY"],
    ),
    (
        "Service account object must contain a string \"project_id\"",
        "the account of Firebase",
        &["FIREBASE", "PROJECT_ID", "GOOGLE"],
    ),
    (
        "did not find any credentials",
        "the credentials of a cloud",
        &["CREDENTIALS", "GOOGLE", "AWS"],
    ),
    (
        "Dialect needs to be explicitly supplied",
        "the address of its database",
        &["DATABASE_UR", "DB_UR", "DIALECT", "DATABASE", "DB"],
    ),
    ("MissingAppNameError", "a key of New Relic", &["NEW_RELIC"]),
];
