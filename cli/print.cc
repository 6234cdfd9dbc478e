#include "cli/print.h"

#include <cstdio>

#include "cli/words.h"

namespace remuda {
namespace {

void Print(std::FILE* file, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), file);
  if (!text.empty() && text.back() != '\n') std::fputc('\n', file);
  std::fflush(file);
}

}  // namespace

bool DataIsLost() { return std::fflush(stdout) != 0 || std::ferror(stdout); }

void PrintData(const std::string& text) { Print(stdout, text); }

void PrintWords(const std::string& text) { Print(stderr, SafeLines(text)); }

void PrintError(const absl::Status& status) {
  PrintWords("remuda: " + std::string(status.message()));
}

ExitCode Fail(const absl::Status& status) {
  PrintError(status);
  return ExitCodeFor(status);
}

}  // namespace remuda
