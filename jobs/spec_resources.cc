#include "jobs/spec_resources.h"

#include "jobs/byte_size_text.h"
#include "jobs/job_check.h"
#include "jobs/output_rules.h"
#include "jobs/yaml_scalar.h"

namespace remuda {

Resources ReadResources(SpecContext& context, const YamlNode* spec) {
  Resources resources;
  const YamlNode* map = context.Find(spec, "resources");
  const YamlNode* cpu = context.Find(map, "cpu");
  if (cpu != nullptr && cpu->kind == YamlNode::Kind::kScalar) {
    const YamlScalar scalar = ReadScalar(*cpu);
    if (scalar.type == YamlScalar::Type::kInteger && scalar.integer >= 1 &&
        scalar.integer <= int64_t{kCpusMax}) {
      resources.cpu = static_cast<uint32_t>(scalar.integer);
    }
  }
  const YamlNode* memory = context.Find(map, "memory");
  if (memory != nullptr) {
    resources.memory_bytes =
        ParseByteSize(WrittenText(*memory).value_or("")).value_or(0);
  }
  return resources;
}

OutputRules ReadOutputs(SpecContext& context, const YamlNode* spec) {
  OutputRules rules;
  const YamlNode* map = context.Find(spec, "outputs");
  const YamlNode* to = context.Find(map, "to");
  if (to != nullptr) rules.to = WrittenText(*to).value_or("");
  const YamlNode* files = context.Find(map, "files");
  if (files == nullptr || files->kind != YamlNode::Kind::kList) return rules;
  for (const YamlIndex index : files->children) {
    const YamlNode& node = context.node(index);
    const std::optional<std::string> pattern = WrittenText(node);
    if (!pattern) continue;
    const std::string why = WhyBadOutputPattern(*pattern);
    if (!why.empty()) {
      context.Report(node, "'outputs.files': " + Quote(*pattern) + " " + why);
    }
    rules.files.push_back(*pattern);
  }
  return rules;
}

}  // namespace remuda
