#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "jobs/spec_error.h"
#include "jobs/spec_text.h"

namespace remuda {

// A position in YamlTree::nodes.
using YamlIndex = uint32_t;

struct YamlNode {
  enum class Kind : uint8_t { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  bool quoted = false;  // a scalar in quotes or a block is always text
  int line = 0;         // from 0
  int byte = 0;         // within the line, from 0
  std::string text;     // of a scalar
  // Of a list its elements; of a map keys and values in turn. A key is a
  // scalar, and no two of a map are the same.
  std::vector<YamlIndex> children;
};

// The documents of a YAML text as a table of nodes, without anchors, aliases
// or tags. It nests at most SpecLimits::depth_max deep, so recursing over it
// is safe.
struct YamlTree {
  std::vector<YamlNode> nodes;
  std::vector<YamlIndex> documents;  // their outermost nodes
};

struct YamlResult {
  YamlTree tree;                  // to be used only if there is no error
  std::vector<SpecError> errors;  // in the order of the text
};

// Reads YAML event by event and stops at the first limit that is passed: no
// document is ever built whole by the YAML library, whose own tree has no
// defence against aliases that multiply or refer to themselves. What the
// nodes mean is for others to decide.
YamlResult ParseYaml(const SpecText& text, const SpecLimits& limits);

}  // namespace remuda
