#include "jobs/spec_error.h"

namespace remuda {

std::string ToText(const SpecError& error) {
  std::string text = error.file + ":";
  if (error.line > 0) {
    text +=
        std::to_string(error.line) + ":" + std::to_string(error.column) + ":";
  }
  return text + " " + error.message;
}

}  // namespace remuda
