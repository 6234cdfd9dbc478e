#pragma once

#include <string>
#include <vector>

#include "jobs/job.h"
#include "jobs/spec_context.h"
#include "jobs/yaml_tree.h"

namespace remuda {

// What templates may name, as far as the fan-out tells it.
struct TemplateScope {
  enum class Items : uint8_t {
    kNone,     // no fan-out: there is no item
    kSimple,   // texts or numbers: no keys
    kNamed,    // maps that have at least `names`
    kUnknown,  // known only once a file is read, or of several kinds
  };

  Items items = Items::kNone;
  std::vector<std::string> names;
  std::string source;  // the key under `tasks`
};

struct SpecTasks {
  TaskSource source;
  TemplateScope scope;
};

// Reads `tasks`; null means one task. Reports what is wrong with the source
// that CheckShape() could not see.
SpecTasks ReadTasks(SpecContext& context, const YamlNode* tasks);

}  // namespace remuda
