#include "jobs/spec_tasks.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "jobs/job_check.h"
#include "jobs/yaml_scalar.h"

namespace remuda {
namespace {

using Written = TaskSource::Written;

struct Source {
  std::string_view key;
  Written written;
  TaskSource::Kind kind;
};

constexpr std::array<Source, 6> kSources = {
    {{"lines", Written::kLines, TaskSource::Kind::kList},
     {"items", Written::kItems, TaskSource::Kind::kList},
     {"range", Written::kRange, TaskSource::Kind::kRange},
     {"matrix", Written::kMatrix, TaskSource::Kind::kMatrix},
     {"glob", Written::kGlob, TaskSource::Kind::kList},
     {"csv", Written::kCsv, TaskSource::Kind::kList}}};

const Source* FindSource(std::string_view key) {
  for (const Source& source : kSources) {
    if (source.key == key) return &source;
  }
  return nullptr;
}

std::optional<int64_t> IntegerOf(const YamlNode* node) {
  if (node == nullptr || node->kind != YamlNode::Kind::kScalar) {
    return std::nullopt;
  }
  const YamlScalar scalar = ReadScalar(*node);
  if (scalar.type != YamlScalar::Type::kInteger || scalar.is_large) {
    return std::nullopt;
  }
  return scalar.integer;
}

std::string TooMany() {
  return "more than " + std::to_string(kTasksMax) +
         " tasks, the most that one job may have; split the job";
}

void ReadRange(SpecContext& context, const YamlNode& range,
               TaskSource& source) {
  if (range.kind != YamlNode::Kind::kMap) return;
  const std::optional<int64_t> to = IntegerOf(context.Find(&range, "to"));
  const YamlNode* step = context.Find(&range, "step");
  source.from = IntegerOf(context.Find(&range, "from")).value_or(0);
  source.step = IntegerOf(step).value_or(1);
  if (source.step == 0) {
    context.Report(*step, "'tasks.range.step' is 0, and would never arrive");
    source.step = 1;
    return;
  }
  if (!to) return;  // reported with the shape
  source.to = *to;
  const uint64_t count = TaskCount(source);
  if (count == 0) {
    context.Report(
        range, "the range is empty: steps of " + std::to_string(source.step) +
                   " do not lead from " + std::to_string(source.from) + " to " +
                   std::to_string(source.to) +
                   "; turn the sign of 'step' or the two ends");
  } else if (count > kTasksMax) {
    context.Report(range, "the range has " + TooMany());
  }
}

void ReadAxis(SpecContext& context, const YamlNode& name,
              const YamlNode& values, TaskSource& source) {
  if (!IsAxisName(name.text)) {
    context.Report(name, Quote(name.text) + " cannot name an axis: " +
                             std::string(kAxisNameRule));
  }
  if (values.kind != YamlNode::Kind::kList) {
    context.Report(values, "the axis " + Quote(name.text) +
                               ": expected a list of values, found " +
                               Found(values));
    return;
  }
  if (values.children.empty()) {
    context.Report(values, "the axis " + Quote(name.text) +
                               " is empty, so the matrix has no tasks");
    return;
  }
  std::vector<std::string> texts;
  for (const YamlIndex index : values.children) {
    const std::optional<std::string> text = context.ToJson(context.node(index));
    if (text) texts.push_back(*text);
  }
  source.axes.emplace_back(name.text, std::move(texts));
}

void ReadMatrix(SpecContext& context, const YamlNode& matrix,
                TaskSource& source) {
  if (matrix.kind != YamlNode::Kind::kMap) return;
  const size_t axes = matrix.children.size() / 2;
  if (axes == 0) {
    context.Report(matrix, "the matrix has no axis, and so no tasks");
    return;
  }
  if (axes > kAxesMax) {
    context.Report(matrix, "the matrix has " + std::to_string(axes) +
                               " axes, and may have " +
                               std::to_string(kAxesMax));
    return;
  }
  const size_t before = context.reports();
  for (size_t i = 0; i + 1 < matrix.children.size(); i += 2) {
    ReadAxis(context, context.node(matrix.children[i]),
             context.node(matrix.children[i + 1]), source);
  }
  if (context.reports() == before && TaskCount(source) > kTasksMax) {
    context.Report(matrix, "the matrix has " + TooMany());
  }
}

void ReadItems(SpecContext& context, const YamlNode& items,
               TaskSource& source) {
  if (items.kind != YamlNode::Kind::kList) return;
  if (items.children.empty()) {
    context.Report(items,
                   "'tasks.items' is empty, so the job has no tasks; add "
                   "items, or leave 'tasks' out for one task");
  }
  for (const YamlIndex index : items.children) {
    std::optional<std::string> item = context.ToJson(context.node(index));
    if (item) source.inline_items.push_back(*std::move(item));
  }
  source.list_count = source.inline_items.size();
}

// The keys that every item has, if all are maps.
TemplateScope ScopeOfItems(const SpecContext& context, const YamlNode& items) {
  TemplateScope scope;
  scope.items = TemplateScope::Items::kUnknown;
  size_t maps = 0;
  size_t lists = 0;
  for (const YamlIndex index : items.children) {
    const YamlNode& item = context.node(index);
    lists += item.kind == YamlNode::Kind::kList ? 1 : 0;
    if (item.kind != YamlNode::Kind::kMap) continue;
    std::vector<std::string> names;
    for (size_t i = 0; i < item.children.size(); i += 2) {
      names.push_back(context.node(item.children[i]).text);
    }
    std::sort(names.begin(), names.end());
    if (maps++ > 0) {
      std::vector<std::string> both;
      std::set_intersection(scope.names.begin(), scope.names.end(),
                            names.begin(), names.end(),
                            std::back_inserter(both));
      names = std::move(both);
    }
    scope.names = std::move(names);
  }
  if (maps == items.children.size()) {
    scope.items = TemplateScope::Items::kNamed;
  } else if (maps + lists == 0) {
    scope.items = TemplateScope::Items::kSimple;
  }
  return scope;
}

TemplateScope ScopeOf(const SpecContext& context, const Source& source,
                      const YamlNode& value, const TaskSource& read) {
  TemplateScope scope;
  scope.items = TemplateScope::Items::kSimple;
  if (source.written == Written::kCsv) {
    scope.items = TemplateScope::Items::kUnknown;
  } else if (source.written == Written::kItems) {
    scope = ScopeOfItems(context, value);
  } else if (source.written == Written::kMatrix) {
    scope.items = TemplateScope::Items::kNamed;
    for (const auto& [name, values] : read.axes) scope.names.push_back(name);
  }
  scope.source = std::string(source.key);
  return scope;
}

// Which source the author chose; reports none and several.
const Source* ChooseSource(SpecContext& context, const YamlNode& tasks) {
  const Source* chosen = nullptr;
  bool any = false;
  for (size_t i = 0; i < tasks.children.size(); i += 2) {
    const YamlNode& key = context.node(tasks.children[i]);
    const Source* source = FindSource(key.text);
    any |= source != nullptr || key.text == "results_of";
    if (source == nullptr) continue;
    if (chosen != nullptr) {
      context.Report(key, "'tasks' has two sources, '" +
                              std::string(chosen->key) + "' and '" +
                              std::string(source->key) + "'; keep one");
    }
    chosen = source;
  }
  if (!any) {
    context.Report(tasks,
                   "'tasks' has no source; add one of lines, items, range, "
                   "matrix, glob and csv, or leave 'tasks' out for one task");
  }
  return chosen;
}

}  // namespace

SpecTasks ReadTasks(SpecContext& context, const YamlNode* tasks) {
  SpecTasks result;
  if (tasks == nullptr) return result;
  // Until more is known, nothing is said about templates.
  result.scope.items = TemplateScope::Items::kUnknown;
  if (tasks->kind != YamlNode::Kind::kMap) return result;
  const Source* source = ChooseSource(context, *tasks);
  if (source == nullptr) return result;
  const YamlNode& value = *context.Find(tasks, source->key);
  result.source.kind = source->kind;
  result.source.written = source->written;
  switch (source->written) {
    case Written::kRange:
      ReadRange(context, value, result.source);
      break;
    case Written::kMatrix:
      ReadMatrix(context, value, result.source);
      break;
    case Written::kItems:
      ReadItems(context, value, result.source);
      break;
    default:
      result.source.path = WrittenText(value).value_or("");
  }
  result.scope = ScopeOf(context, *source, value, result.source);
  return result;
}

}  // namespace remuda
