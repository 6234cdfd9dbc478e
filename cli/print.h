#pragma once

#include <string>

#include "absl/status/status.h"
#include "cli/exit_code.h"

namespace remuda {

// Data goes to stdout, words to stderr; a newline is added where missing.
void PrintData(const std::string& text);
void PrintWords(const std::string& text);

// True if some of the data could not be written, as on a full disk.
bool DataIsLost();

// "remuda: what went wrong".
void PrintError(const absl::Status& status);

// Prints the error and gives the exit code for it.
ExitCode Fail(const absl::Status& status);

}  // namespace remuda
