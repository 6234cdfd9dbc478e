#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace remuda {

// What a worker under test said, as far as the checks look at it. Keeps the
// JSON library out of the files that judge.

// One entry of `results`, or a `result` or `error`.
struct SaidEnd {
  uint64_t first = 0;
  uint64_t count = 1;
  std::string ending;  // succeeded, error, cancelled, returned
  std::string output;  // JSON text; empty if it was left out
  std::string error;
};

struct SaidLog {
  uint64_t task = 0;
  std::string text;
  std::string file;
};

struct WorkerWords {
  std::string type;
  std::string fault;  // why an agent would not take it; empty: it would

  // Of hello.
  std::optional<uint64_t> protocol;
  std::optional<uint64_t> pid;
  std::string language;
  std::vector<std::string> modes;

  uint64_t credits = 0;            // of ready
  std::optional<uint64_t> number;  // of pong
  std::vector<SaidEnd> ends;
  SaidLog log;
};

// Never fails: what cannot be understood is in `fault`.
WorkerWords ReadWorkerWords(std::string_view body);

// What the kit says of one check, as a line of JSON.
struct JudgedCheck {
  std::string mode;
  std::string name;
  std::string verdict;
  std::string meaning;
  std::string seen;
  std::string rule;
};
std::string JudgedCheckJson(const JudgedCheck& check);

}  // namespace remuda
