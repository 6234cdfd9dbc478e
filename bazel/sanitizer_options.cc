// What the sanitizers' runtimes ask a program for. Compiled in rather than
// passed by the environment, so that it also holds in child processes, which
// start in other folders, and in a program run by hand.

extern "C" {

const char* __asan_default_options();
const char* __tsan_default_options();
const char* __tsan_default_suppressions();
const char* __ubsan_default_options();

const char* __asan_default_options() {
  return "detect_stack_use_after_return=1:strict_string_checks=1:"
         "check_initialization_order=1";
}

const char* __ubsan_default_options() { return "print_stacktrace=1"; }

const char* __tsan_default_options() {
  return "halt_on_error=1:second_deadlock_stack=1";
}

// Debian's libzmq is not instrumented and passes memory between its threads by
// means that tsan cannot see. Only reports with a frame of the library itself
// are dropped; races in our code around it are still found.
const char* __tsan_default_suppressions() {
  return "race:libzmq.so\n"
         "called_from_lib:libzmq.so\n";
}
}
