"""Names, units and usual ranges of what is measured in several fields, in English and Chinese."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """One thing that is measured: its names, its unit, and the range its values usually lie in."""

    english: str
    chinese: str
    unit: str
    low: float
    high: float

    def name(self, language: str) -> str:
        return self.english if language == "en" else self.chinese


@dataclass(frozen=True)
class Domain:
    """A field with the sentence a question may open with."""

    key: str
    context: dict[str, str]
    metrics: tuple[Metric, ...]


DOMAINS: tuple[Domain, ...] = (
    Domain(
        "server",
        {"en": "These are metrics of a web service.", "zh": "以下是某网络服务的监控指标。"},
        (
            Metric("CPU usage", "CPU 使用率", "%", 0, 100),
            Metric("memory usage", "内存使用率", "%", 0, 100),
            Metric("request latency", "请求延迟", "ms", 0, 800),
            Metric("requests per second", "每秒请求数", "req/s", 0, 12000),
            Metric("error rate", "错误率", "%", 0, 20),
            Metric("network traffic", "网络流量", "Mbit/s", 0, 950),
            Metric("disk queue length", "磁盘队列长度", "", 0, 60),
            Metric("active connections", "活跃连接数", "", 0, 5000),
            Metric("cache hit ratio", "缓存命中率", "%", 20, 100),
        ),
    ),
    Domain(
        "factory",
        {"en": "These are sensors of a production line.", "zh": "以下是某生产线的传感器数据。"},
        (
            Metric("bearing temperature", "轴承温度", "°C", 20, 110),
            Metric("pump pressure", "泵压力", "bar", 0, 16),
            Metric("vibration velocity", "振动速度", "mm/s", 0, 25),
            Metric("motor current", "电机电流", "A", 0, 120),
            Metric("coolant flow", "冷却液流量", "L/min", 0, 90),
            Metric("spindle speed", "主轴转速", "rpm", 0, 6000),
            Metric("tank level", "液位", "%", 0, 100),
            Metric("belt speed", "皮带速度", "m/s", 0, 4),
            Metric("furnace temperature", "炉温", "°C", 400, 1300),
        ),
    ),
    Domain(
        "energy",
        {"en": "These are readings of a power grid.", "zh": "以下是某电网的读数。"},
        (
            Metric("power demand", "用电负荷", "MW", 100, 2400),
            Metric("grid frequency", "电网频率", "Hz", 49.5, 50.5),
            Metric("solar output", "光伏出力", "kW", 0, 600),
            Metric("wind output", "风电出力", "MW", 0, 320),
            Metric("battery charge", "电池电量", "%", 0, 100),
            Metric("transformer temperature", "变压器温度", "°C", 15, 95),
            Metric("line voltage", "线路电压", "kV", 105, 120),
            Metric("gas consumption", "燃气用量", "m³/h", 0, 500),
        ),
    ),
    Domain(
        "finance",
        {"en": "These are figures of a market.", "zh": "以下是某市场的数据。"},
        (
            Metric("share price", "股价", "USD", 5, 400),
            Metric("trading volume", "成交量", "lots", 0, 90000),
            Metric("exchange rate", "汇率", "", 0.6, 1.8),
            Metric("bond yield", "债券收益率", "%", 0.2, 7),
            Metric("volatility index", "波动率指数", "", 8, 60),
            Metric("order count", "订单数量", "", 0, 3000),
            Metric("account balance", "账户余额", "kEUR", 10, 900),
            Metric("interest spread", "利差", "bp", 10, 450),
        ),
    ),
    Domain(
        "weather",
        {"en": "These are readings of a weather station.", "zh": "以下是某气象站的观测数据。"},
        (
            Metric("air temperature", "气温", "°C", -25, 42),
            Metric("air pressure", "气压", "hPa", 960, 1045),
            Metric("relative humidity", "相对湿度", "%", 10, 100),
            Metric("wind speed", "风速", "m/s", 0, 30),
            Metric("solar radiation", "太阳辐射", "W/m²", 0, 1100),
            Metric("river level", "河流水位", "cm", 40, 700),
            Metric("soil moisture", "土壤湿度", "%", 2, 60),
            Metric("PM2.5", "PM2.5 浓度", "µg/m³", 0, 250),
        ),
    ),
    Domain(
        "medicine",
        {"en": "These are signals of a patient monitor.", "zh": "以下是病人监护仪的信号。"},
        (
            Metric("heart rate", "心率", "bpm", 40, 180),
            Metric("blood pressure", "血压", "mmHg", 70, 190),
            Metric("oxygen saturation", "血氧饱和度", "%", 80, 100),
            Metric("breathing rate", "呼吸频率", "/min", 6, 40),
            Metric("body temperature", "体温", "°C", 35, 41),
            Metric("blood glucose", "血糖", "mmol/L", 2, 22),
            Metric("infusion rate", "输液速度", "mL/h", 0, 250),
            Metric("airway pressure", "气道压力", "cmH2O", 0, 40),
        ),
    ),
    Domain(
        "retail",
        {"en": "These are figures of a shop.", "zh": "以下是某门店的经营数据。"},
        (
            Metric("daily sales", "日销售额", "EUR", 0, 20000),
            Metric("visitors", "客流量", "", 0, 4000),
            Metric("basket size", "客单价", "EUR", 5, 140),
            Metric("return rate", "退货率", "%", 0, 25),
            Metric("stock level", "库存量", "", 0, 9000),
            Metric("delivery time", "配送时长", "min", 10, 180),
            Metric("waiting time", "排队时间", "min", 0, 30),
            Metric("website clicks", "网站点击量", "", 0, 60000),
        ),
    ),
)
DOMAIN = {each.key: each for each in DOMAINS}
