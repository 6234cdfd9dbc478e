#include "cli/trial_plot.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <optional>
#include <string_view>

namespace remuda {
namespace {

// In pixels.
constexpr double kWidth = 720;
constexpr double kNameWidth = 130;
constexpr double kBarsWidth = 420;
constexpr double kRowHeight = 26;
constexpr double kBarHeight = 16;
constexpr double kTitleHeight = 34;
constexpr double kPanelGap = 22;

constexpr char kMeasured[] = "#3b6ea5";
constexpr char kPredicted[] = "#c8553d";

template <typename... Args>
std::string Print(const char* format, Args... args) {
  char text[320];
  std::snprintf(text, sizeof(text), format, args...);
  return text;
}

std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string Text(double x, double y, const std::string& text,
                 const char* more = "") {
  return Print("<text x=\"%.1f\" y=\"%.1f\"%s>", x, y, more) + Escaped(text) +
         "</text>\n";
}

std::string Number(double number) {
  return Print(number >= 100 ? "%.0f" : number >= 10 ? "%.1f" : "%.2f", number);
}

// The throughput that was predicted, from that of the first.
std::optional<Interval> PredictedRate(const TrialRow& row,
                                      const TrialRow& first) {
  if (!row.predicted || !first.per_second) return std::nullopt;
  const double now = *first.per_second;
  return Interval{row.predicted->low * now, row.predicted->middle * now,
                  row.predicted->high * now};
}

struct Panel {
  const char* title;
  std::function<std::optional<double>(const TrialRow&)> value;
  bool has_predictions = false;
};

class Plot {
 public:
  explicit Plot(const std::vector<TrialRow>& rows) : rows_(rows) {}

  void Add(const Panel& panel) {
    const double most = MostOf(panel);
    y_ += kPanelGap;
    body_ += Text(kNameWidth, y_ - 6, panel.title, " font-weight=\"bold\"");
    for (const TrialRow& row : rows_) {
      AddBar(panel, row, most);
      y_ += kRowHeight;
    }
  }

  std::string Svg(const std::string& job) const {
    return Print(
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" "
               "height=\"%.0f\" font-family=\"sans-serif\" "
               "font-size=\"13\">\n"
               "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
               kWidth, y_ + 30) +
           Text(12, 22, job + ": " + SampleText(),
                " font-size=\"15\" font-weight=\"bold\"") +
           body_ + Legend() + "</svg>\n";
  }

 private:
  std::string SampleText() const {
    uint64_t most = 0;
    for (const TrialRow& row : rows_) {
      most = std::max(most, row.succeeded + row.others);
    }
    return std::to_string(most) + " tasks on each executor";
  }

  double MostOf(const Panel& panel) const {
    double most = 0;
    for (const TrialRow& row : rows_) {
      most = std::max(most, panel.value(row).value_or(0));
      if (!panel.has_predictions) continue;
      const auto predicted = PredictedRate(row, rows_.front());
      if (predicted) most = std::max(most, predicted->high);
    }
    return most > 0 ? most : 1;
  }

  void AddBar(const Panel& panel, const TrialRow& row, double most) {
    const double scale = kBarsWidth / most;
    const double middle = y_ + kBarHeight / 2;
    const std::optional<double> value = panel.value(row);
    body_ += Text(12, middle + 5, std::string(Name(row.executor)));
    body_ += Print(
        "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" "
        "fill=\"%s\"/>\n",
        kNameWidth, y_, value.value_or(0) * scale, kBarHeight, kMeasured);
    double end = value.value_or(0) * scale;
    const auto predicted = panel.has_predictions && &row != &rows_.front()
                               ? PredictedRate(row, rows_.front())
                               : std::nullopt;
    if (predicted) {
      end = std::max(end, predicted->high * scale);
      body_ += Print(
          "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" "
          "stroke=\"%s\" stroke-width=\"2\"/>\n"
          "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>\n",
          kNameWidth + predicted->low * scale, middle,
          kNameWidth + predicted->high * scale, middle, kPredicted,
          kNameWidth + predicted->middle * scale, middle, kPredicted);
    }
    body_ += Text(kNameWidth + end + 8, middle + 5,
                  value ? Number(*value) : "not known");
  }

  std::string Legend() const {
    const double y = y_ + 14;
    return Print(
               "<rect x=\"%.1f\" y=\"%.1f\" width=\"14\" height=\"10\" "
               "fill=\"%s\"/>\n<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" "
               "fill=\"%s\"/>\n",
               kNameWidth, y - 9, kMeasured, kNameWidth + 107, y - 4,
               kPredicted) +
           Text(kNameWidth + 20, y, "measured") +
           Text(kNameWidth + 117, y,
                "predicted from the first, with its interval");
  }

  const std::vector<TrialRow>& rows_;
  std::string body_;
  double y_ = kTitleHeight;
};

}  // namespace

std::string TrialSvg(const std::string& job,
                     const std::vector<TrialRow>& rows) {
  Plot plot(rows);
  plot.Add({.title = "tasks a second",
            .value = [](const TrialRow& row) { return row.per_second; },
            .has_predictions = true});
  plot.Add({.title = "cores in use",
            .value = [](const TrialRow& row) { return row.cores_used; }});
  plot.Add({.title = "MiB a process",
            .value = [](const TrialRow& row) -> std::optional<double> {
              if (!row.process_bytes) return std::nullopt;
              return *row.process_bytes / (1 << 20);
            }});
  return plot.Svg(job);
}

}  // namespace remuda
