#include <cstddef>
#include <cstdint>
#include <string>

#include "wire/attempt_records.h"

// What decodes must come back from its own encoding unchanged.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto records = remuda::DecodeAttemptRecords(bytes);
  if (!records.ok()) return 0;
  const auto again =
      remuda::DecodeAttemptRecords(remuda::EncodeAttemptRecords(*records));
  if (!again.ok() || *again != *records) __builtin_trap();
  return 0;
}
