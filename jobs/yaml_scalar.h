#pragma once

#include <cstdint>
#include <string>

#include "jobs/yaml_tree.h"

namespace remuda {

// What a scalar means by YAML's core schema, in which `no` is text.
struct YamlScalar {
  enum class Type : uint8_t {
    kNull,
    kBool,
    kInteger,
    kNumber,  // with a point or an exponent
    kText,
    kTooLarge,   // an integer over 64 bits or a number over a double
    kNotFinite,  // .inf and .nan, which JSON cannot say
  };

  Type type = Type::kNull;
  std::string json;       // the same value as JSON; of the last two, empty
  int64_t integer = 0;    // of kInteger up to INT64_MAX
  bool is_large = false;  // kInteger over INT64_MAX: `json` alone has it
  double number = 0;      // of kInteger and kNumber
};

// `node` is a scalar or null.
YamlScalar ReadScalar(const YamlNode& node);

}  // namespace remuda
