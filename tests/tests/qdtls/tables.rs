//! Which promise has which test, checked against what really runs.

use std::collections::BTreeSet;
use std::env;
use std::process::Command;

use sealgram_tests::{Checked, Failure, check};

use crate::support::{OrFail, rows, run};

/// Qt's test functions, as Qt spells them.
const TST_QDTLS: [&str; 16] = [
    "construction",
    "configuration",
    "invalidConfiguration",
    "setPeer",
    "handshake",
    "handshakeWithRetransmission",
    "sessionCipher",
    "cipherPreferences",
    "protocolVersionMatching",
    "verificationErrors",
    "presetExpectedErrors",
    "verifyServerCertificate",
    "verifyClientCertificate",
    "blacklistedCerificate",
    "readWriteEncrypted",
    "datagramFragmentation",
];

/// The same of `tst_qdtlscookie`.
const TST_QDTLSCOOKIE: [&str; 5] = [
    "construction",
    "validateParameters",
    "verifyClient",
    "cookieGeneratorParameters",
    "verifyMultipleClients",
];

/// Where those tests are, to read what their comments say.
const SOURCES: [&str; 5] = [
    include_str!("tst_qdtls/setup.rs"),
    include_str!("tst_qdtls/handshake.rs"),
    include_str!("tst_qdtls/identity.rs"),
    include_str!("tst_qdtls/data.rs"),
    include_str!("tst_qdtlscookie.rs"),
];

/// Faults found in Qt's module, and what would notice them here.
const FAULTS_OF_QT: [(&str, &str, &[&str]); 12] = [
    (
        "R1",
        "setCookieGeneratorParameters stores the secret and says that it failed",
        &["tst_qdtlscookie::cookie_generator_parameters"],
    ),
    (
        "R2",
        "handleTimeout before the handshake, after it or after abort crashes",
        &[
            "beyond::lifecycle::timers_before_the_start_and_after_the_end_do_nothing",
            "beyond::lifecycle::calls_in_every_state_do_what_they_say",
        ],
    ),
    (
        "R3",
        "handleTimeout too early breaks the timer; a silent peer is never reported",
        &[
            "beyond::lifecycle::impatient_steps_leave_the_timer_alone",
            "beyond::lifecycle::silent_server_is_given_up",
        ],
    ),
    (
        "R4",
        "what is left of a second counts as a whole period",
        &["beyond::lifecycle::impatient_steps_leave_the_timer_alone"],
    ),
    (
        "R5",
        "a second connection sees the first one's chain and closed flag",
        &[
            "beyond::lifecycle::second_connection_shows_nothing_of_the_first",
            "beyond::lifecycle::second_client_finds_nothing_of_the_first",
        ],
    ),
    (
        "R6",
        "abort does not tell the peer",
        &[
            "tst_qdtls::identity::verification_errors",
            "beyond::lifecycle::abort_in_the_handshake_sends_an_alert",
        ],
    ),
    (
        "R7",
        "errors of reading and writing are taken for others",
        &[
            "beyond::lifecycle::errors_have_the_eight_kinds",
            "tst_qdtls::data::read_write_encrypted",
        ],
    ),
    ("R8", "port 0 passes the setter and fails later", &["tst_qdtls::setup::set_peer"]),
    (
        "R9",
        "datagrams are longer than the MTU by the headers",
        &["beyond::network::handshake_datagrams_keep_to_the_mtu"],
    ),
    ("R10", "default parameters lead from SHA-256 to SHA-1", &["tst_qdtlscookie::construction"]),
    (
        "R11",
        "one secret for all, never replaced, and handed out to whoever asks",
        &[
            "tst_qdtlscookie::construction",
            "tst_qdtlscookie::verify_client",
            "beyond::cookies::cookie_of_another_secret_is_refused",
        ],
    ),
    (
        "R12",
        "a server whose first flight is lost for good waits for ever",
        &["beyond::lifecycle::client_that_vanishes_is_forgotten"],
    ),
];

/// What Qt's tests leave out.
const LEFT_OUT_BY_QT: [(&str, &[&str]); 12] = [
    (
        "failures with pre-shared keys",
        &[
            "beyond::psk::psk_outside_of_the_limits_is_refused_and_never_cut",
            "beyond::psk::wrong_psk_ends_both_sides_and_looks_like_an_unknown_one",
            "beyond::psk::psk_that_only_one_side_has_connects_nobody",
            "beyond::psk::psk_is_asked_for_with_hint_and_identity",
            "beyond::psk::missing_psk_ends_the_handshake",
        ],
    ),
    ("cookie parameters", &["tst_qdtlscookie::cookie_generator_parameters"]),
    ("cookies through a whole handshake", &["beyond::cookies::cookies_guard_a_whole_handshake"]),
    ("a wrong or rotated secret", &["beyond::cookies::cookie_of_another_secret_is_refused"]),
    (
        "the effect of the MTU",
        &[
            "beyond::network::handshake_datagrams_keep_to_the_mtu",
            "beyond::network::lost_large_datagrams_are_followed_by_smaller_ones",
        ],
    ),
    (
        "timeouts before the start and after abort",
        &["beyond::lifecycle::timers_before_the_start_and_after_the_end_do_nothing"],
    ),
    (
        "one object for a second connection",
        &["beyond::lifecycle::second_connection_shows_nothing_of_the_first"],
    ),
    ("IPv6", &["beyond::network::ipv6_works_from_the_cookie_to_the_end"]),
    ("a ClientHello in pieces", &["beyond::cookies::hello_in_pieces_gets_in_with_cookies_on"]),
    (
        "malformed records after completion",
        &["beyond::network::forged_datagrams_leave_a_connection_alone"],
    ),
    (
        "reconnection from the same port",
        &[
            "beyond::reconnection::reconnection_replaces_after_finished_and_not_before",
            "beyond::reconnection::vanished_client_comes_back_from_its_port",
            "beyond::reconnection::hellos_in_a_clients_name_do_not_touch_its_connection",
            "beyond::reconnection::closed_client_begins_anew_from_its_port",
        ],
    ),
    (
        "cookies of any length, and too many of them",
        &[
            "beyond::cookies::client_returns_cookies_of_any_length",
            "beyond::cookies::forged_cookie_requests_are_answered_a_few_times",
        ],
    ),
];

/// The tests that this program runs.
fn tests() -> Checked<BTreeSet<String>> {
    let output = Command::new(env::current_exe()?).arg("--list").output()?;
    let text = String::from_utf8(output.stdout).or_fail("the list")?;
    let names = text.lines().filter_map(|line| line.strip_suffix(": test"));
    Ok(names.map(str::to_owned).collect())
}

/// `setPeer` is `set_peer`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[test]
fn every_test_of_qt_has_one_here() {
    let tests = tests().unwrap_or_else(|failure| panic!("{failure}"));
    let of = |file, names: &'static [&str]| {
        names.iter().map(move |name| (format!("{file}, {name}"), (file, *name)))
    };
    let cases = of("tst_qdtls", &TST_QDTLS).chain(of("tst_qdtlscookie", &TST_QDTLSCOOKIE));
    run(&rows(cases), |&(file, name)| {
        let function = snake_case(name);
        let (start, end) = (format!("{file}::"), format!("::{function}"));
        let found = tests.iter().filter(|test| test.starts_with(&start) && test.ends_with(&end));
        let count = found.count();
        check(count == 1, format!("{count} tests are called {function}"))?;
        // And its comment has the name as Qt spells it.
        let comment = format!("/// Qt: `{name}`");
        let commented = SOURCES
            .iter()
            .flat_map(|source| source.split("\n}\n"))
            .any(|item| item.contains(&comment) && item.contains(&format!("\nfn {function}() {{")));
        check(commented, format!("{function} does not say that it is {name}"))
    });
}

#[test]
fn every_fault_and_gap_of_qt_has_a_test() {
    let tests = tests().unwrap_or_else(|failure| panic!("{failure}"));
    let faults = FAULTS_OF_QT.iter().map(|(id, what, tests)| (format!("{id}: {what}"), *tests));
    let gaps = LEFT_OUT_BY_QT.iter().map(|(what, tests)| ((*what).to_owned(), *tests));
    run(&rows(faults.chain(gaps)), |names| {
        check(!names.is_empty(), "there is no test")?;
        for name in *names {
            tests.get(*name).ok_or_else(|| Failure::new(format!("there is no test {name}")))?;
        }
        Ok(())
    });
}
