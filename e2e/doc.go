// Package e2e tests the program from outside: it builds weir, runs it as users
// do (simulators, gateway, store), calls it with the official SDKs and with raw
// HTTP, breaks it (kill -9, full disks, hang-ups, bad input), and asks the log in
// KQL what became of every call.
//
// What always holds: tests use free ports and folders of their own; every wait is
// bounded; a process that a test started is gone when the test ends, and what it
// wrote is shown when the test failed. Times are logged, not judged.
//
// Env: WEIR_SDKS is the folder that `make sdks` filled; without it the tests of
// the Python and Node SDKs, and with Azurite, are skipped. WEIR_BIN names a program to test in place
// of a fresh build. WEIR_E2E_ROUNDS sets how often the kill loops kill.
// WEIR_FLAP is how long the test of flapping backends lasts. The test of a rolling
// restart needs haproxy, and is skipped without.
package e2e
