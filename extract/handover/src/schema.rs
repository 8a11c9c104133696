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
        store -> Nullable<Text>,
        moved -> Bool,
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

diesel::table! {
    handovers (id) {
        id -> Text,
        module -> Text,
        kind -> Text,
        plan -> Text,
        epoch -> BigInt,
        state -> Text,
        facts -> Text,
        cancelled -> Bool,
        reason -> Nullable<Text>,
        began_at -> BigInt,
        state_at -> BigInt,
        ended_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    handover_journal (handover, number) {
        handover -> Text,
        number -> BigInt,
        state -> Text,
        at -> BigInt,
        details -> Text,
    }
}

diesel::table! {
    receipts (id) {
        id -> Text,
        module -> Text,
        at -> BigInt,
        body -> Text,
    }
}
