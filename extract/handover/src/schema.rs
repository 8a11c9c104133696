//! The control store's tables, as diesel sees them on both engines.

diesel::table! {
    route_generations (id) {
        id -> Integer,
        generation -> BigInt,
    }
}

diesel::table! {
    placements (module) {
        module -> Text,
        epoch -> BigInt,
        nodes -> Nullable<Text>,
        weight -> Integer,
        callers_remote -> Bool,
        workers_remote -> Bool,
        shadow_percent -> Integer,
    }
}

diesel::table! {
    nodes (id) {
        id -> Text,
        url -> Text,
        modules -> Text,
        version -> Text,
        spawned -> Bool,
        registered_at -> BigInt,
    }
}

diesel::table! {
    operations (id) {
        id -> Text,
        module -> Text,
        kind -> Text,
        plan -> Text,
        phase -> Text,
        nodes -> Nullable<Text>,
        reason -> Nullable<Text>,
        cancelled -> Bool,
        began_at -> BigInt,
        phase_at -> BigInt,
        ended_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    audit_log (id) {
        id -> Text,
        at -> BigInt,
        actor -> Text,
        action -> Text,
        module -> Nullable<Text>,
        details -> Text,
    }
}
