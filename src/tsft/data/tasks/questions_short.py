"""Wordings for the short style where the full question asks for more than the one thing a short answer gives."""

QUESTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "rule_above": {
        "en": (
            "Is {name} above {threshold} for at least {least} points in a row?",
            "An alarm is raised when {name} stays above {threshold} for {least} points or more. Is it raised?",
            "Does {name} exceed {threshold} for {least} or more consecutive points?",
            "Check the rule: {name} > {threshold} during at least {least} consecutive points. Does it hold anywhere?",
        ),
        "zh": (
            "{name}是否连续至少 {least} 个点高于 {threshold}？",
            "当{name}连续 {least} 个点及以上高于 {threshold} 时告警。是否会告警？",
            "{name}有没有连续 {least} 个或更多的点超过 {threshold}？",
            "检查规则：{name} > {threshold} 且至少持续 {least} 个点。是否有成立之处？",
        ),
    },
    "rule_below": {
        "en": (
            "Is {name} below {threshold} for at least {least} points in a row?",
            "An alarm is raised when {name} stays below {threshold} for {least} points or more. Is it raised?",
            "Does {name} fall below {threshold} for {least} or more consecutive points?",
            "Check the rule: {name} < {threshold} during at least {least} consecutive points. Does it hold anywhere?",
        ),
        "zh": (
            "{name}是否连续至少 {least} 个点低于 {threshold}？",
            "当{name}连续 {least} 个点及以上低于 {threshold} 时告警。是否会告警？",
            "{name}有没有连续 {least} 个或更多的点低于 {threshold}？",
            "检查规则：{name} < {threshold} 且至少持续 {least} 个点。是否有成立之处？",
        ),
    },
    "rule_step": {
        "en": (
            "Does {name} change by more than {size} from one point to the next anywhere?",
            "A jump is a change of more than {size} between neighbouring points. Has {name} one?",
            "Check whether two neighbouring values of {name} differ by more than {size}.",
            "Is there a step of more than {size} in {name}?",
        ),
        "zh": (
            "{name}相邻两点之间的变化是否有超过 {size} 的？",
            "相邻点变化超过 {size} 记为跳变。{name}有跳变吗？",
            "检查{name}是否有相邻两个值之差大于 {size}。",
            "{name}中有没有超过 {size} 的一步变化？",
        ),
    },
    "rule_sigma": {
        "en": (
            "Does {name} leave the band of its mean plus or minus 3 standard deviations?",
            "By the three-sigma rule over all its points, has {name} outliers?",
            "Are there values of {name} more than 3 standard deviations from its mean?",
            "Is any value of {name} farther than 3 standard deviations from its mean?",
        ),
        "zh": (
            "{name}是否超出均值加减 3 倍标准差的范围？",
            "按全序列的三倍标准差准则，{name}有离群点吗？",
            "{name}有没有偏离均值超过 3 倍标准差的值？",
            "{name}是否有任何值距均值超过 3 倍标准差？",
        ),
    },
    "lag": {
        "en": (
            "Which runs ahead, {first} or {second} (none, if they move at once)?",
            "One of {first} and {second} may follow the other. Which leads, if any?",
            "By which shift do {first} and {second} match best: who leads (none, if no shift is needed)?",
            "Name the one of {first} and {second} that leads the other, or none.",
        ),
        "zh": (
            "{first}与{second}谁领先（同时变化则为无）？",
            "{first}与{second}中可能有一个跟随另一个。谁领先（若有）？",
            "{first}与{second}错开后最吻合时，谁领先（无需错开则为无）？",
            "请指出{first}与{second}中领先的一个，没有则回答无。",
        ),
    },
    "trend": {
        "en": (
            "What is the overall trend of {name}?",
            "Leaving season and noise aside, does {name} rise, fall or stay flat?",
            "Name the direction of the trend of {name}.",
            "In which direction does {name} move overall?",
        ),
        "zh": (
            "{name}的整体趋势如何？",
            "不计周期和噪声，{name}是上升、下降还是平稳？",
            "请指出{name}的趋势方向。",
            "{name}总体朝哪个方向变化？",
        ),
    },
    "season": {
        "en": (
            "Does {name} repeat itself?",
            "Is there a season in {name}?",
            "Is {name} periodic?",
            "Is there a repeating pattern in {name}?",
        ),
        "zh": ("{name}是否周期性重复？", "{name}有季节性吗？", "{name}是周期性的吗？", "{name}中有没有重复模式？"),
    },
    "noise": {
        "en": (
            "How noisy is {name}? Noisy means that the noise exceeds 5 % of the range.",
            "Judge the noise of {name}: noisy (more than 5 % of the range) or almost none.",
            "Is {name} noisy or almost free of noise?",
            "Name the class of the noise of {name}.",
        ),
        "zh": (
            "{name}的噪声有多大？噪声超过变化范围的 5 % 为明显。",
            "判断{name}的噪声：明显（超过范围的 5 %）还是几乎没有。",
            "{name}是噪声明显还是几乎无噪声？",
            "请指出{name}的噪声类别。",
        ),
    },
    "events": {
        "en": (
            "List the local events of {name} with type and start. Types: {types}.",
            "Which of these local changes occur in {name}, and where do they start: {types}?",
            "Find every local fluctuation of {name} and give its type out of {types} and its start.",
            "What happens locally in {name}? Give type and start of each event. Possible types: {types}.",
        ),
        "zh": (
            "请列出{name}的局部事件，包括类型和起点。类型：{types}。",
            "{name}中出现了以下哪些局部变化，起点在哪：{types}？",
            "找出{name}的每一处局部波动，给出类型（从 {types} 中选）和起点。",
            "{name}的局部发生了什么？请给出每个事件的类型和起点。可能的类型：{types}。",
        ),
    },
    "spike": {
        "en": (
            "Is there a spike of a few points in {name}?",
            "Does {name} have a short spike, up or down?",
            "Look for a spike in {name}: is there one?",
            "Has {name} a sudden spike that is over after a few points?",
        ),
        "zh": (
            "{name}有没有只持续几个点的尖峰？",
            "{name}有向上或向下的短尖峰吗？",
            "在{name}中寻找尖峰：有没有？",
            "{name}是否有几个点内就结束的突发尖峰？",
        ),
    },
    "level_shift": {
        "en": (
            "Does the level of {name} shift for good?",
            "Is there a level shift in {name}?",
            "Does {name} move to another level and stay there?",
            "Look for a lasting change of level in {name}: is there one?",
        ),
        "zh": (
            "{name}的水平是否发生了持久变化？",
            "{name}存在水平漂移吗？",
            "{name}是否移到另一水平并保持下去？",
            "在{name}中寻找持久的水平变化：有没有？",
        ),
    },
}
