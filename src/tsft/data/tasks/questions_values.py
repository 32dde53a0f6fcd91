"""Wordings of the questions whose answers follow from the values. {last} is the last point of a window, included."""

QUESTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "value_at": {
        "en": (
            "What is the value of {name} at point {point}?",
            "Give the value of {name} at point {point}.",
            "Read off {name} at point {point}.",
            "How large is {name} at point {point}?",
            "Which value does {name} have at point {point}?",
            "At point {point}, what does {name} read?",
            "State the reading of {name} at point {point}.",
            "Look up {name} at point {point} and give its value.",
        ),
        "zh": (
            "{name}在第 {point} 点的值是多少？",
            "请给出{name}在第 {point} 点的值。",
            "读出{name}第 {point} 点的数值。",
            "第 {point} 点处{name}有多大？",
            "第 {point} 点的{name}数值为多少？",
            "请查看第 {point} 点，{name}的读数是多少？",
            "{name}到第 {point} 点时取值为多少？",
            "给出第 {point} 点上{name}的读数。",
        ),
    },
    "window_mean": {
        "en": (
            "What is the mean of {name} from point {start} to point {last}?",
            "Give the average of {name} over points {start} to {last}.",
            "Average {name} between points {start} and {last}, both included.",
            "Which mean does {name} have over the points {start} to {last}?",
        ),
        "zh": (
            "{name}从第 {start} 点到第 {last} 点的均值是多少？",
            "请给出{name}在第 {start} 至 {last} 点上的平均值。",
            "计算{name}第 {start} 点到第 {last} 点（含两端）的平均值。",
            "在第 {start} 到 {last} 点之间，{name}的均值为多少？",
        ),
    },
    "window_minimum": {
        "en": (
            "What is the lowest value of {name} from point {start} to point {last}?",
            "Give the minimum of {name} over points {start} to {last}.",
            "How low does {name} go between points {start} and {last}, both included?",
            "Which value is the smallest of {name} over the points {start} to {last}?",
        ),
        "zh": (
            "{name}从第 {start} 点到第 {last} 点的最小值是多少？",
            "请给出{name}在第 {start} 至 {last} 点上的最小值。",
            "第 {start} 点到第 {last} 点（含两端）之间，{name}最低到多少？",
            "在第 {start} 到 {last} 点之间，{name}最小的数值是多少？",
        ),
    },
    "window_maximum": {
        "en": (
            "What is the highest value of {name} from point {start} to point {last}?",
            "Give the maximum of {name} over points {start} to {last}.",
            "How high does {name} go between points {start} and {last}, both included?",
            "Which value is the largest of {name} over the points {start} to {last}?",
        ),
        "zh": (
            "{name}从第 {start} 点到第 {last} 点的最大值是多少？",
            "请给出{name}在第 {start} 至 {last} 点上的最大值。",
            "第 {start} 点到第 {last} 点（含两端）之间，{name}最高到多少？",
            "在第 {start} 到 {last} 点之间，{name}最大的数值是多少？",
        ),
    },
    "window_change": {
        "en": (
            "By how much does {name} change from point {start} to point {last}?",
            "Give the value of {name} at point {last} minus its value at point {start}.",
            "What is the difference of {name} between point {last} and point {start} (last minus first)?",
            "How far has {name} moved at point {last}, compared with point {start}?",
        ),
        "zh": (
            "{name}从第 {start} 点到第 {last} 点变化了多少？",
            "请给出{name}第 {last} 点的值减去第 {start} 点的值。",
            "{name}第 {last} 点与第 {start} 点相差多少（后减前）？",
            "与第 {start} 点相比，{name}到第 {last} 点变动了多少？",
        ),
    },
    "window_range": {
        "en": (
            "How far apart are the highest and the lowest value of {name} from point {start} to point {last}?",
            "Give maximum minus minimum of {name} over points {start} to {last}.",
            "What range does {name} cover between points {start} and {last}, both included?",
            "How wide is the range of {name} over the points {start} to {last}?",
        ),
        "zh": (
            "{name}从第 {start} 点到第 {last} 点的最大值与最小值相差多少？",
            "请给出{name}在第 {start} 至 {last} 点上的极差。",
            "第 {start} 点到第 {last} 点（含两端）之间，{name}的变化范围有多大？",
            "在第 {start} 到 {last} 点之间，{name}的最大值减最小值是多少？",
        ),
    },
    "extreme_maximum": {
        "en": (
            "At which point does {name} reach its maximum (the first one, if several)?",
            "Where is the largest value of {name}? Take the first, if there are several.",
            "Give the position of the maximum of {name} (of the first, if it occurs more than once).",
            "When is {name} highest? If several points are equally high, name the first.",
        ),
        "zh": (
            "{name}在第几个点达到最大值（若有多个取第一个）？",
            "{name}的最大值在哪里？有多个时取第一个。",
            "请给出{name}最大值的位置（多次出现时取首次）。",
            "{name}何时最高？若多个点同样高，请给出第一个。",
        ),
    },
    "extreme_minimum": {
        "en": (
            "At which point does {name} reach its minimum (the first one, if several)?",
            "Where is the smallest value of {name}? Take the first, if there are several.",
            "Give the position of the minimum of {name} (of the first, if it occurs more than once).",
            "When is {name} lowest? If several points are equally low, name the first.",
        ),
        "zh": (
            "{name}在第几个点达到最小值（若有多个取第一个）？",
            "{name}的最小值在哪里？有多个时取第一个。",
            "请给出{name}最小值的位置（多次出现时取首次）。",
            "{name}何时最低？若多个点同样低，请给出第一个。",
        ),
    },
    "rule_above": {
        "en": (
            "Is {name} above {threshold} for at least {least} points in a row, and where?",
            "An alarm means that {name} stays above {threshold} for {least} points or more. Is it raised, and where?",
            "Does {name} exceed {threshold} for {least} or more consecutive points? Where?",
            "Check the rule: {name} > {threshold} during at least {least} consecutive points. Where does it hold?",
        ),
        "zh": (
            "{name}是否连续至少 {least} 个点高于 {threshold}？在哪里？",
            "当{name}连续 {least} 个点及以上高于 {threshold} 时告警。是否会告警？在哪里？",
            "{name}有没有连续 {least} 个或更多的点超过 {threshold}？位置在哪？",
            "检查规则：{name} > {threshold} 且至少持续 {least} 个点。在哪里成立？",
        ),
    },
    "rule_below": {
        "en": (
            "Is {name} below {threshold} for at least {least} points in a row, and where?",
            "An alarm means that {name} stays below {threshold} for {least} points or more. Is it raised, and where?",
            "Does {name} fall below {threshold} for {least} or more consecutive points? Where?",
            "Check the rule: {name} < {threshold} during at least {least} consecutive points. Where does it hold?",
        ),
        "zh": (
            "{name}是否连续至少 {least} 个点低于 {threshold}？在哪里？",
            "当{name}连续 {least} 个点及以上低于 {threshold} 时告警。是否会告警？在哪里？",
            "{name}有没有连续 {least} 个或更多的点低于 {threshold}？位置在哪？",
            "检查规则：{name} < {threshold} 且至少持续 {least} 个点。在哪里成立？",
        ),
    },
    "rule_step": {
        "en": (
            "Does {name} change by more than {size} from one point to the next, and at which point first?",
            "A jump is a change of more than {size} between neighbouring points. Has {name} one? Where is the first?",
            "Check the rule: two neighbouring values of {name} differ by more than {size}. Where is it first broken?",
            "Is there a step of more than {size} in {name}? Name the first point after it.",
        ),
        "zh": (
            "{name}相邻两点之间的变化是否超过 {size}？首次出现在哪个点？",
            "相邻点变化超过 {size} 记为跳变。{name}有跳变吗？第一次在哪里？",
            "检查规则：{name}相邻两个值之差大于 {size}。首次发生在哪个点？",
            "{name}中有没有超过 {size} 的一步变化？请给出变化后的第一个点。",
        ),
    },
    "rule_sigma": {
        "en": (
            "Does {name} leave the band of its mean plus or minus 3 standard deviations, and where?",
            "By the three-sigma rule over all its points, has {name} outliers, and where?",
            "Are there values of {name} more than 3 standard deviations from its mean? Where?",
            "Check the rule: {name} lies within 3 standard deviations of its mean. Is it broken anywhere, and where?",
        ),
        "zh": (
            "{name}是否超出均值加减 3 倍标准差的范围？在哪里？",
            "按全序列的三倍标准差准则，{name}有离群点吗？在哪里？",
            "{name}有没有偏离均值超过 3 倍标准差的值？位置在哪？",
            "检查规则：{name}处于均值的 3 倍标准差之内。有没有被打破？在哪里？",
        ),
    },
    "count_crossings": {
        "en": (
            "How often does {name} rise through {threshold} (from below it to it or above)?",
            "Count the upward crossings of {threshold} by {name}.",
            "How many times does {name} go from below {threshold} to {threshold} or more?",
            "Give the number of times that {name} crosses {threshold} on its way up.",
        ),
        "zh": (
            "{name}向上穿越 {threshold}（从低于到不低于）多少次？",
            "统计{name}向上穿过 {threshold} 的次数。",
            "{name}有多少次从 {threshold} 以下升到 {threshold} 或以上？",
            "请给出{name}上行时穿越 {threshold} 的次数。",
        ),
    },
    "count_above": {
        "en": (
            "How many stretches of at least {least} points in a row does {name} spend above {threshold}?",
            "Count how often {name} stays above {threshold} for {least} or more consecutive points.",
            "On how many occasions is {name} above {threshold} for at least {least} points?",
            "Give the number of stretches of {least} points or more in which {name} is above {threshold}.",
        ),
        "zh": (
            "{name}有多少段连续至少 {least} 个点高于 {threshold}？",
            "统计{name}连续 {least} 个点及以上高于 {threshold} 的段数。",
            "{name}有几次高于 {threshold} 并至少持续 {least} 个点？",
            "请给出{name}高于 {threshold} 且不少于 {least} 个点的区段数量。",
        ),
    },
    "compare_mean": {
        "en": (
            "Which has the higher mean, {first} or {second}?",
            "Compare the averages of {first} and {second}: which is larger?",
            "Of {first} and {second}, which lies higher on average?",
            "{first} or {second}: name the one with the larger mean value.",
        ),
        "zh": (
            "{first}和{second}，哪个均值更高？",
            "比较{first}与{second}的平均值：哪个更大？",
            "{first}与{second}中，平均来看哪个更高？",
            "请指出{first}和{second}中均值较大的一个。",
        ),
    },
    "compare_spread": {
        "en": (
            "Which fluctuates more, {first} or {second}? Compare their standard deviations.",
            "Compare the standard deviations of {first} and {second}: which is larger?",
            "Of {first} and {second}, which varies more strongly (larger standard deviation)?",
            "{first} or {second}: name the one with the larger standard deviation.",
        ),
        "zh": (
            "{first}和{second}，哪个波动更大？请比较标准差。",
            "比较{first}与{second}的标准差：哪个更大？",
            "{first}与{second}中，哪个变化更剧烈（标准差更大）？",
            "请指出{first}和{second}中标准差较大的一个。",
        ),
    },
    "compare_peak": {
        "en": (
            "Which reaches its maximum earlier, {first} or {second}?",
            "Compare the positions of the maxima of {first} and {second}: which comes first?",
            "Of {first} and {second}, whose largest value comes sooner?",
            "{first} or {second}: name the one that peaks first.",
        ),
        "zh": (
            "{first}和{second}，哪个更早达到最大值？",
            "比较{first}与{second}最大值的位置：哪个在前？",
            "{first}与{second}中，谁的最大值出现得更早？",
            "请指出{first}和{second}中先到达峰值的一个。",
        ),
    },
    "compare_window": {
        "en": (
            "Which is higher on average from point {start} to point {last}, {first} or {second}?",
            "Compare the means of {first} and {second} over points {start} to {last}: which is larger?",
            "Between points {start} and {last}, which lies higher on average, {first} or {second}?",
            "{first} or {second}: name the one with the larger mean over the points {start} to {last}.",
        ),
        "zh": (
            "从第 {start} 点到第 {last} 点，{first}和{second}哪个平均更高？",
            "比较{first}与{second}在第 {start} 至 {last} 点上的均值：哪个更大？",
            "在第 {start} 点与第 {last} 点之间，{first}和{second}哪个平均水平更高？",
            "请指出{first}和{second}中在第 {start} 到 {last} 点均值较大的一个。",
        ),
    },
    "correlate": {
        "en": (
            "How are {first} and {second} correlated: positive (r ≥ 0.8), negative (r ≤ -0.8) or none (|r| ≤ 0.3)?",
            "Judge Pearson's r of {first} and {second}: positive (r ≥ 0.8), negative (r ≤ -0.8) or none (|r| ≤ 0.3).",
            "Do {first} and {second} move alike (r ≥ 0.8), against each other (r ≤ -0.8) or unrelated (|r| ≤ 0.3)?",
            "Which linear relation holds between {first} and {second}: positive, negative or none (|r| ≤ 0.3)?",
            "Is the relation of {first} to {second} positive (r ≥ 0.8), negative (r ≤ -0.8) or none (|r| ≤ 0.3)?",
            "Name the kind of correlation between {first} and {second}: positive, negative or none (|r| ≤ 0.3).",
            "When {first} goes up, does {second} go up (r ≥ 0.8), go down (r ≤ -0.8) or do neither (|r| ≤ 0.3)?",
            "Is there a linear correlation of {first} with {second}? Say positive, negative or none (|r| ≤ 0.3).",
        ),
        "zh": (
            "{first}与{second}的相关性如何？正相关：r 不小于 0.8；负相关：r 不大于 -0.8；无：|r| 不大于 0.3。",
            "判断{first}与{second}的皮尔逊相关：正相关（r ≥ 0.8）、负相关（r ≤ -0.8）或无（|r| ≤ 0.3）。",
            "{first}与{second}是同向变化（r ≥ 0.8）、反向变化（r ≤ -0.8），还是没有关系（|r| ≤ 0.3）？",
            "{first}与{second}之间是哪种线性关系：正相关、负相关还是无（|r| ≤ 0.3）？",
            "就全长而言，{first}与{second}是正相关（r ≥ 0.8）、负相关（r ≤ -0.8）还是无（|r| ≤ 0.3）？",
            "请指出{first}与{second}的相关类型：正相关、负相关或无（|r| ≤ 0.3）。",
            "{first}上升时，{second}是随之上升（r ≥ 0.8）、下降（r ≤ -0.8），还是两者都不是（|r| ≤ 0.3）？",
            "{first}与{second}存在线性相关吗？请回答正相关、负相关或无（|r| ≤ 0.3）。",
        ),
    },
    "lag": {
        "en": (
            "Which runs ahead, {first} or {second}, and by how many points (no leader and 0, if they move at once)?",
            "One of {first} and {second} may follow the other. Which leads, by how many points (0 if neither does)?",
            "By which shift do {first} and {second} match best: who leads, and by how many points (0 if by none)?",
            "Find the lag in points between {first} and {second} and the one that leads (no leader if the lag is 0).",
        ),
        "zh": (
            "{first}与{second}谁领先？领先多少个点？若同时变化，则没有领先者，滞后为 0。",
            "{first}与{second}中可能有一个跟随另一个。谁领先？滞后多少个点（都不领先则为 0）？",
            "{first}与{second}错开多少点时最吻合：谁领先，领先几个点（无需错开则为 0）？",
            "请找出{first}与{second}之间的滞后点数和领先者（滞后为 0 时没有领先者）。",
        ),
    },
}
